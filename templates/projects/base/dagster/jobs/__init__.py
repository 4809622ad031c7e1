"""The jobs and schedules of this project."""
