"""The assets of this project, a module for each subject."""
