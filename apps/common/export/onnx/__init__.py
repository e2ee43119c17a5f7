"""Writes the graphs of a finished run as ONNX files."""
