"""What assets reach outside of Dagster: databases, services, files."""
