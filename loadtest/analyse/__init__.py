"""Figures from tables: quantiles, shares, rates, losses, validity, each with what its interval assumes."""
