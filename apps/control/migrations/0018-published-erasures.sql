-- When the services were told; null for erasures that were told before this column was there.
ALTER TABLE control.erasures ADD COLUMN published_at timestamptz;
