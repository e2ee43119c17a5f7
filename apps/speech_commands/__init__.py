"""Speech command recognition: which word is in a clip, and when in a stream?"""
