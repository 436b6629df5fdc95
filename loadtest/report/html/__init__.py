"""The report of a run or a comparison: one page that needs nothing beside itself."""
