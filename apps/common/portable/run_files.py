"""Names of the files and folders in a run directory."""

CONFIG = "config.yaml"
VOCABULARY, LABELS = "vocabulary.txt", "labels.txt"
CHECKPOINT, CHECKPOINT_BEFORE = "checkpoint.npz", "checkpoint-before.npz"
BEST, HISTORY, LOGS = "best.npz", "history.csv", "logs"
MODEL, ENCODER = "model.keras", "encoder.npz"
METRICS, LEARNING_CURVE = "metrics.json", "learning.png"
DETECTION_FILE, BAG_OF_WORDS = "detection.json", "bag_of_words.json"
EXPLANATIONS, EXPORTS = "explain", "export"
TOKEN_RULES = 2  # the newest version of the rules for tokens (docs/tokens.md)
