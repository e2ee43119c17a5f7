"""The figures of the README: from recorded results, never typed."""
