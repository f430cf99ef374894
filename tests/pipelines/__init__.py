"""The fast tier: each module of the pipelines by itself."""
