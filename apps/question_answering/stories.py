"""Generates stories of a small world: persons move, take, drop and give things.

Each story ends with a question. Its answer follows from one or more sentences, the
supporting facts; the others are distractors.
"""

from dataclasses import dataclass
from random import Random

from apps.common.data.splits import split_by_hash

PEOPLE = ("mary", "john", "daniel", "sandra", "fred", "julie", "bill", "anna")
PLACES = ("kitchen", "garden", "office", "bathroom", "hallway", "school")
THINGS = ("apple", "football", "milk", "book", "lamp", "coat")
MOVES = ("moved to", "went to", "travelled to", "walked to")
NOISE = (
    *("the sun shines", "it rains outside", "a dog barks", "the clock strikes"),
    *("the radio plays a song", "the phone rings", "a car drives by"),
)
NUMBERS = ("none", "one", "two", "three")
SPLIT_SEEDS = {"train": 1, "validation": 2, "test": 3}


@dataclass(frozen=True)
class Settings:
    """Settings of the generator; fixed before the first reported run.

    Version 2 draws with Python's generator, which is faster on single numbers, and
    tells a story's split by its beginning.
    """

    version: int = 2
    people: int = 5
    places: int = 6
    things: int = 4
    shortest: int = 6  # minimum number of events of a story
    longest: int = 16  # maximum
    noise: float = 0.15  # probability that an event is a distractor sentence
    beginning: int = 3  # sentences that decide a story's split


SETTINGS = Settings()


@dataclass(frozen=True)
class Story:
    """A question about a story.

    Attributes:
        sentences: The story's sentences in order.
        question: Text of the question.
        answer: A word.
        task: Type of the question.
        facts: Indices of the supporting facts among the sentences.
    """

    sentences: tuple
    question: str
    answer: str
    task: str
    facts: tuple


class World:
    """State of a story: places, owners, and the sentences that establish them."""

    def __init__(self, rng):
        self.rng = rng
        self.people = rng.sample(PEOPLE, SETTINGS.people)
        self.places = rng.sample(PLACES, SETTINGS.places)
        self.things = rng.sample(THINGS, SETTINGS.things)
        self.sentences = []
        self.at = {}  # person -> (place, sentence)
        self.holder = {}  # thing -> (person, sentence)
        self.lies = {}  # thing -> (place, sentences)
        self.had = {}  # person -> sentences about what they have
        self.been = {thing: [] for thing in self.things}  # (place, sentences)
        self.given = []  # (giver, thing, receiver, sentence)

    def say(self, text):
        """Appends a sentence; returns its index."""
        self.sentences.append(text)
        return len(self.sentences) - 1

    def step(self):
        """Appends a random event, or a distractor sentence."""
        if self.rng.random() < SETTINGS.noise:
            self.say(self.rng.choice(NOISE))
            return
        person = self.rng.choice(self.people)
        choices = [self.move]
        if person in self.at:
            choices += [self.take, self.take, self.drop, self.give]
        self.rng.choice(choices)(person)

    def move(self, person):
        """Moves a person to another place."""
        here = self.at.get(person, (None,))[0]
        place = self.rng.choice([p for p in self.places if p != here])
        number = self.say(f"{person} {self.rng.choice(MOVES)} the {place}")
        self.at[person] = (place, number)
        for thing in self.of(person):
            self._is_now(thing, place, (self.holder[thing][1], number))

    def take(self, person):
        """Lets a person take a thing that lies here or has not occurred before."""
        place = self.at[person][0]
        free = [
            thing
            for thing in self.things
            if thing not in self.holder and self.lies.get(thing, (place,))[0] == place
        ]
        if free:
            thing = self.rng.choice(free)
            number = self.say(f"{person} took the {thing}")
            self.lies.pop(thing, None)
            self._holds(person, thing, number)

    def drop(self, person):
        """Lets a person drop a thing."""
        if self.of(person):
            thing = self.rng.choice(self.of(person))
            place, came = self.at[person]
            number = self.say(f"{person} dropped the {thing}")
            del self.holder[thing]
            self.lies[thing] = (place, (came, number))
            self.had.setdefault(person, []).append(number)
            self._is_now(thing, place, (came, number))

    def give(self, person):
        """Lets a person give a thing to another person at the same place."""
        place = self.at[person][0]
        near = [o for o, (p, _) in self.at.items() if p == place and o != person]
        if near and self.of(person):
            thing = self.rng.choice(self.of(person))
            other = self.rng.choice(near)
            number = self.say(f"{person} gave the {thing} to {other}")
            self.had.setdefault(person, []).append(number)
            self.given.append((person, thing, other, number))
            self._holds(other, thing, number)

    def of(self, person):
        """Returns the things that a person has, in the order of `things`."""
        return [t for t in self.things if self.holder.get(t, ("",))[0] == person]

    def _holds(self, person, thing, number):
        self.holder[thing] = (person, number)
        self.had.setdefault(person, []).append(number)
        place, came = self.at[person]
        self._is_now(thing, place, (came, number))

    def _is_now(self, thing, place, facts):
        if self.been[thing] and self.been[thing][-1][0] == place:
            self.been[thing].pop()
        self.been[thing].append((place, facts))


def _where_person(world):
    for person, (place, number) in world.at.items():
        yield f"where is {person}", place, (number,)


def _where_thing(world):
    for thing, been in world.been.items():
        if been:
            yield f"where is the {thing}", been[-1][0], been[-1][1]


def _where_before(world):
    for thing, been in world.been.items():
        if len(been) > 1:
            (before, first), (place, second) = been[-2:]
            facts = tuple(sorted({*first, *second}))
            places = [p for p, _ in been]
            if places.count(place) == 1:
                question = f"where was the {thing} before the {place}"
                yield question, before, facts


def _who_has(world):
    for thing, (person, number) in world.holder.items():
        yield f"who has the {thing}", person, (number,)


def _who_gave(world):
    for giver, thing, other, number in world.given:
        alike = [g for g in world.given if g[1:3] == (thing, other)]
        if len(alike) == 1:
            yield f"who gave the {thing} to {other}", giver, (number,)


def _how_many(world):
    for person in world.had:
        count = len(world.of(person))
        if count < len(NUMBERS):
            facts = tuple(world.had[person])
            yield f"how many things has {person}", NUMBERS[count], facts


def _what(world):
    for person, facts in world.had.items():
        has = world.of(person)
        if len(has) < 2:
            yield f"what has {person}", has[0] if has else "nothing", tuple(facts)


def _is_there(world):
    for person, (place, number) in world.at.items():
        if world.rng.random() < 0.5:
            place_asked = place
        else:
            place_asked = world.rng.choice([p for p in world.places if p != place])
        yield (
            f"is {person} in the {place_asked}",
            "yes" if place_asked == place else "no",
            (number,),
        )


TASKS = {
    "where is a person": _where_person,
    "where is a thing": _where_thing,
    "where was a thing": _where_before,
    "who has it": _who_has,
    "who gave it": _who_gave,
    "how many": _how_many,
    "what": _what,
    "yes or no": _is_there,
}


def make_stories(split, count, gap):
    """Generates the stories of a split; no two splits share a story.

    Args:
        split: "train", "validation" or "test".
        count: Number of stories.
        gap: Mean number of distractor sentences between a story and its question.

    Returns:
        A list of `Story`; the tasks alternate.
    """
    rng = Random(f"{SETTINGS.version} {SPLIT_SEEDS[split]} {gap}")
    stories, tasks = [], list(TASKS)
    while len(stories) < count:
        task = tasks[len(stories) % len(tasks)]
        story = _story(rng, split, task, gap)
        if story:
            stories.append(story)
    return stories


def split_of(sentences):
    """Returns a story's split by a hash of its first sentences."""
    return split_by_hash("\n".join(sentences[: SETTINGS.beginning]))


def _story(rng, split, task, gap):
    """Returns a random story with a question of a task.

    Returns None if it allows none, or if its beginning is in another split.
    """
    world = World(rng)
    while len(world.sentences) < SETTINGS.beginning:
        world.step()
    if split_of(world.sentences) != split:
        return None
    events = rng.randint(SETTINGS.shortest, SETTINGS.longest)
    for _ in range(events - SETTINGS.beginning):
        world.step()
    questions = list(TASKS[task](world))
    if not questions:
        return None
    question, answer, facts = world.rng.choice(questions)
    for _ in range(rng.randint(0, 2 * gap)):
        world.say(world.rng.choice(NOISE))
    return Story(
        tuple(world.sentences), question, answer, task, tuple(sorted(set(facts)))
    )


def context_of(example):
    """Returns the text of a story or a passage, as the model reads it."""
    if hasattr(example, "context"):
        return example.context
    return ". ".join(example.sentences)
