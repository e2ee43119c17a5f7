"""Text summarization."""
