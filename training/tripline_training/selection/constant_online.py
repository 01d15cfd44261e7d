"""The option that tells a trainer which features never change online."""

import argparse


def add_constant_online(parser: argparse.ArgumentParser) -> None:
    """`constant_online`: names of features. Default: none."""
    parser.add_argument(
        "--constant-online",
        type=lambda text: tuple(name for name in text.split(",") if name),
        default=(),
        metavar="NAMES",
        help="features that are constant in production, comma-separated, for instance profiles that "
        "are not materialised; the model does not use them",
    )
