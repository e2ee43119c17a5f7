"""Reads vocabularies and looks up ids of tokens, in plain Python."""

from pathlib import Path

from apps.common.portable.patterns import PADDING, PADDING_ID, UNKNOWN, UNKNOWN_ID


def read_tokens(path, content=None):
    """Reads the tokens of a vocabulary file, in the order of their ids.

    Args:
        path: Path of a file that `Vocabulary.save` wrote.
        content: Its content, if it is read already.

    Returns:
        A list of strings; the first two stand for padding and unknown tokens.

    Raises:
        ValueError: If the file does not begin with the padding and unknown tokens, is
            not UTF-8, or has an empty line or a token twice.
    """
    content = Path(path).read_bytes() if content is None else content
    try:  # without universal newlines: "\r" can be a token
        tokens = content.decode().rstrip("\n").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: not a vocabulary: byte {error.start} is not UTF-8. Copy the file "
            "from its run again."
        ) from None
    if tokens[:2] != [PADDING, UNKNOWN]:
        raise ValueError(
            f"{path}: not a vocabulary: the first two lines must be {PADDING} and "
            f"{UNKNOWN}. Received: {tokens[:2]}."
        )
    seen = {""}
    for line, token in enumerate(tokens[2:], 3):
        if token in seen:
            raise ValueError(
                f"{path}:{line}: not a vocabulary: the token {token!r} is empty or "
                "stands twice. Copy the file from its run again."
            )
        seen.add(token)
    return tokens


class TokenIds:
    """Maps tokens to ids as `Vocabulary` does; 0 is padding, 1 the unknown token.

    Attributes:
        tokens: All tokens, in the order of their ids.
    """

    def __init__(self, tokens):
        """Stores tokens as `read_tokens` returns them."""
        self.tokens = tokens
        self._ids = {"": PADDING_ID}
        self._ids |= {token: n for n, token in enumerate(tokens) if n > UNKNOWN_ID}

    @classmethod
    def load(cls, path):
        """Reads a vocabulary file; see `read_tokens` for the errors."""
        return cls(read_tokens(path))

    def __len__(self):
        """Returns the number of ids, padding and unknown included."""
        return len(self.tokens)

    def ids(self, tokens):
        """Returns the ids of tokens, a list; unknown ones have `UNKNOWN_ID`."""
        return [self._ids.get(token, UNKNOWN_ID) for token in tokens]

    def distinct_ids(self, tokens, others):
        """Returns ids that differ for different tokens outside the vocabulary.

        Those ids count from `len(self)`. Question answering reads nothing in them but
        whether they are equal, so the graph may take hashes instead.

        Args:
            tokens: Strings.
            others: A dictionary from tokens outside the vocabulary to their ids. New
                ones are added. Pass the same one for texts that are compared.
        """
        ids = []
        for token in tokens:
            number = self._ids.get(token)
            if number is None and token == UNKNOWN:
                number = UNKNOWN_ID
            if number is None:
                number = others.setdefault(token, len(self) + len(others))
            ids.append(number)
        return ids
