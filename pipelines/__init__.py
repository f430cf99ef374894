"""Airtime: extract and load (dlt) and transform (dbt) of live events, from API to marts."""
