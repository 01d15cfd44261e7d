"""Publishes the lake as Apache Iceberg tables."""
