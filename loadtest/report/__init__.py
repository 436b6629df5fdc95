"""One view model of a run, and its renderings: terminal, Markdown, JSON."""
