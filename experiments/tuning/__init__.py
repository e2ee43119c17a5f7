"""The verb `tune`: searches settings that do better on the validation split."""
