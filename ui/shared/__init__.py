"""What several pages show: job tables, photos, charts, pickers."""
