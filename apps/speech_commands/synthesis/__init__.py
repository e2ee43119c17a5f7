"""A corpus of spoken commands, synthesized by eSpeak NG."""
