"""Speech command recognition: keyword classification and spotting."""
