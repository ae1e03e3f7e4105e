-- When a request of unknown outcome was over for certain: how long "not found" is not believed counts from then. 0: not known.

ALTER TABLE steps ADD COLUMN over_at BIGINT NOT NULL DEFAULT 0;
