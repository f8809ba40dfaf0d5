"""The parent process: watches, decides, dispatches; runs no plugin code."""
