"""What daglab runs inside a project's Python. Not an interface for users."""
