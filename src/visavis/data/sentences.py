"""Thousands of distinct English sentences to be spoken: statements, questions, lists, numbers, dialogue, tongue twisters.

They come from a small template grammar and a hand-written list, all made for this project. Closing and rounding sounds (P B M F V W) are
frequent on purpose: they are what a viewer sees first.
"""

from collections.abc import Callable

import numpy as np

from visavis.data.italian_sentences import HAND_WRITTEN_ITALIAN, ITALIAN
from visavis.data.rare_sounds import HAND_WRITTEN_RARE, RARE_SOUNDS
from visavis.data.spanish_sentences import HAND_WRITTEN_SPANISH, SPANISH

_NAMES = (
    "Mary", "Bob", "Peter", "Emma", "Victor", "Barbara", "Robert", "Amy", "Ben", "Sophie", "William", "Grace", "Tom", "Violet", "Max",
    "Alice", "Philip", "Ruby",
    "Jack", "Molly", "Frank", "Wendy", "Adam", "Lucy", "Michael", "Mabel", "George", "Nora", "Sam", "Beth",
)  # fmt: skip
_PEOPLE = (
    "my brother", "the baker", "our neighbour", "the old farmer", "a young woman", "the bus driver", "my best friend",
    "the museum guide", "the whole family",
    "a famous painter", "the new manager", "everybody in the room", "my grandmother", "the team", "a small boy", "the doctor",
    "some people", "the shopkeeper",
    "the captain", "a friendly waiter", "the music teacher", "my boss", "nobody", "the gardener", "a group of students",
)  # fmt: skip
_PAST = (
    "bought", "found", "borrowed", "painted", "forgot", "remembered", "moved", "mentioned", "carried", "dropped", "loved", "watched",
    "brought back", "picked up",
    "looked for", "gave away", "wrapped", "described", "photographed", "refused", "repaired", "hid", "opened", "promised us", "wanted",
    "noticed", "threw out", "admired",
)  # fmt: skip
_THINGS = (
    "a warm blanket", "the blue umbrella", "five purple balloons", "an old wooden boat", "a very big map", "the broken lamp",
    "a pair of boots", "some fresh bread",
    "a bowl of soup", "the missing keys", "a beautiful vase", "half of the apples", "a box of books", "the yellow paint",
    "a cup of coffee", "two tickets", "the wrong number",
    "a piece of chocolate", "an empty bottle", "the front wheel", "a small white mouse", "every photograph", "the evening paper",
    "a silver watch", "the largest pumpkin",
    "a few good ideas", "a plan for the weekend", "the view from the bridge", "a bunch of flowers", "a heavy suitcase",
    "the green bicycle", "three pounds of plums",
)  # fmt: skip
_PLACES = (
    "in the market", "near the river", "at the railway station", "behind the house", "on the way home", "in the middle of the road",
    "above the old shop", "by the window",
    "under the table", "at a birthday party", "in the mountains", "on the beach", "in front of the theatre", "at the airport",
    "in the library", "outside the office",
    "upstairs", "from the attic", "across the street", "in a village in France", "at the bottom of the garden", "next to the church",
)  # fmt: skip
_TIMES = (
    "yesterday", "this morning", "last summer", "on Monday", "a week ago", "before breakfast", "after the meeting",
    "late in the evening", "in February", "during the storm",
    "just in time", "five minutes too late", "the day before yesterday", "over the weekend", "at half past seven",
    "when the music stopped", "while everyone was asleep",
)  # fmt: skip
_REASONS = (
    "because it was raining", "although nobody had asked", "and we all laughed", "but the shop was already closed",
    "so that we could leave early", "if I remember it well",
    "which was a complete surprise", "even though it was much too expensive", "as far as I know", "and that was the end of it",
    "but I do not believe it",
    "since there was nothing better to do", "which made me very happy", "and then the phone rang", "because somebody left the door open",
)  # fmt: skip
_ADJECTIVES = (
    "wonderful", "impossible", "quite simple", "very important", "a bit strange", "beautiful", "too far away", "perfectly normal",
    "rather boring", "almost finished", "much better now",
    "really funny", "not my problem", "worth a visit", "a matter of opinion", "surprisingly cheap", "much bigger than before",
    "out of the question", "exactly right", "a wise move",
)  # fmt: skip
_SUBJECTS = (
    "The weather", "This question", "The food", "Your idea", "The whole story", "The museum", "That film", "My new job", "The bridge",
    "What you said", "The garden in spring",
    "Your voice", "The first part", "Everything here", "The view from up here", "Winter in the city", "The music", "Public transport",
    "The last chapter", "A good night of sleep",
)  # fmt: skip
_FOODS = (
    "bread", "butter", "plums", "apples", "mushrooms", "fish", "beef", "pepper", "vinegar", "coffee", "waffles", "beans", "honey",
    "oranges", "cheese", "soup", "ham", "peas",
    "walnuts", "strawberries", "rice", "tomatoes", "chocolate", "lemons", "flour", "milk",
)  # fmt: skip
_VERBS = (
    "open the window", "bring me a map", "move the table", "pass me the pepper", "wait for me", "show me how it works",
    "turn off the lamp", "help me with this box", "call my mother",
    "put the flowers in water", "leave it on the floor", "speak a bit more slowly", "tell me about your family", "wash the cups",
    "find a better place", "meet us before five",
    "feed the puppy", "write it down", "choose a number", "keep your voice down", "give me a moment", "walk over the bridge",
    "try it once more", "push the blue button",
)  # fmt: skip
_REPLIES = (
    "Of course I can.", "No, not today.", "Maybe, maybe not.", "Yes, with pleasure!", "I am afraid not.", "What do you mean?",
    "Fine by me.", "Well, why not?", "Absolutely!", "Hmm, let me think.",
    "Oh, never mind.", "You must be joking.", "That would be lovely.", "I beg your pardon?", "As soon as possible.", "Very well, then.",
    "Who told you that?", "Give me five minutes.",
)  # fmt: skip
_NUMBERS = (
    "seven", "twelve", "fifteen", "twenty two", "thirty five", "forty eight", "fifty", "sixty four", "seventy one", "eighty nine",
    "ninety six", "one hundred", "two hundred and five",
    "five hundred", "a thousand", "four thousand three hundred", "one million",
)  # fmt: skip
_UNITS = (
    "people",
    "pounds",
    "metres",
    "miles",
    "minutes",
    "pages",
    "boxes",
    "voters",
    "bottles",
    "birds",
    "windows",
    "families",
    "programs",
    "words",
    "farms",
)
_OPENERS = (
    "Well,", "Honestly,", "By the way,", "You know,", "In my opinion,", "First of all,", "Believe it or not,", "To be fair,",
    "As a matter of fact,", "Unfortunately,", "However,",
    "Oh,", "Look,", "For example,", "After all,",
)  # fmt: skip
_ACTIVITIES = (
    "swimming in the lake", "baking bread", "playing chess", "watching old movies", "climbing mountains", "reading poems aloud",
    "fixing bicycles", "growing vegetables", "singing in a choir",
    "painting with oil", "walking in the woods", "learning French", "doing nothing at all", "playing the violin", "cooking for friends",
    "writing short stories", "sailing", "feeding birds",
)  # fmt: skip

HAND_WRITTEN: tuple[str, ...] = tuple(
    line.strip()
    for line in """
    Hello, and welcome! It is lovely to see you.
    Good morning, everybody. My name is not important.
    Hi there! How are you today?
    Thank you very much for coming.
    Please have a seat, and make yourself comfortable.
    Goodbye, and have a wonderful evening!
    I am sorry, I did not hear you. Could you say that once more?
    Let me think about that for a moment.
    Here is what we know so far.
    That is a very good question.
    Yes. No. Maybe. I really do not know.
    Wait, wait, wait! Where do you think you are going?
    Wow, what a view!
    Mmm, that smells amazing.
    Hush, the baby is sleeping.
    Bravo! Bravo! What a performance!
    Whoever wrote this letter must have been very brave.
    We move, we wave, we whisper, and we wait.
    Pop music from Poland, pasta from Parma, and plums from Panama.
    Mum may move the map; Bob must pump up the bike.
    Five brave firefighters found four frightened foxes in the forest.
    Victor and Violet value very vivid velvet.
    Papa put a pumpkin on the piano and the puppy bit it.
    Big brown bears barely bother bumblebees.
    Many merry millers make more muffins on Monday mornings.
    Why would Wendy want to wash the walls in windy weather?
    Purple paper people, purple paper people, purple paper people.
    A proper cup of coffee in a proper copper cup.
    My mother made me mash my mini muffins.
    Few folk find the fine fish in the far fjord.
    Blue blueberries, black blackberries, and bright beetroot.
    The wolf whistled while the women wove wool.
    Both brothers bathe in the broad brook.
    Three thin thieves thought a thousand thoughts.
    She should choose her shoes on Thursday, surely.
    Red lorry, yellow lorry, red lorry, yellow lorry.
    Six slim sailors sailed seven silver ships.
    You knew you should use the new blue glue.
    Ooh, do you choose the moon or the spoon?
    Oh no, the boat goes slowly over the ocean.
    How now? The brown cow is out of the house.
    My eyes are tired, and the night is quiet.
    The boy enjoyed the noise of his toys.
    Eight days later they came away with the same plate.
    Father parked the car far from the large barn.
    All small balls fall off the tall wall.
    Each evening we eat green beans and peas.
    The cat sat back and had a nap.
    Her first word was heard by the third girl.
    Look, the good cook took a book from the wood.
    The sun comes up, and one of us must run.
    The fish is in the dish, and this is it.
    Ten men went to get the best bread left.
    Could it be possible to move the bed away from the wall before somebody bumps into it?
    Robots do not sleep, but they do need to charge.
    If you ask me, the best part of the trip was the boat.
    The museum opens at nine, closes at five, and is free on the first Friday of every month.
    You can pay by card, by phone, or with coins.
    Take the second street on the left, walk past the post office, and you will see the bank in front of you.
    Water boils at one hundred degrees, but up in the mountains it boils sooner.
    Please fasten your seat belt; we are about to leave.
    A bee visits about five thousand flowers to make one spoon of honey.
    When the wind is from the west, the waves are twice as big.
    There is no need to shout. I can hear you perfectly well.
    What if we moved the meeting to Wednesday, from four to five?
    I'll be back before you've finished your coffee, I promise.
    We've never been there, but they say it's worth the trip.
    Don't worry, it's only a bit of smoke from the oven.
    Isn't it funny how time flies when you're busy?
    They're over there by the fountain, aren't they?
    I'd love to, but I can't; my mother is visiting.
    Right. Back to work.
    Stop!
    Perfect.
    Me?
    Above us, there was nothing but the open sky, and below us, nothing but the sea.
    The map was wrong, the compass was broken, and we were out of bread; apart from that, it was a marvelous week.
    Push the door, please. No, pull. Pull it towards you. There you are!
    My favourite month is May, when the apple trees bloom.
    Somebody bumped my elbow, and the jam dropped on the carpet.
    Public libraries are among the best ideas people ever had.
    Nothing beats a warm bath after a long walk in the rain.
    Improve the lamp, remove the clamp, and stamp the stamp.
    The maple by the pond became bare in November.
    We plan to swap rooms, if that is fine with both of you.
    """.strip().splitlines()
)


def template_sentence(rng: np.random.Generator) -> str:
    """One sentence of the template grammar."""

    def pick(bank: tuple[str, ...]) -> str:
        return str(bank[rng.integers(len(bank))])

    who = pick(_PEOPLE if rng.random() < 0.6 else _NAMES)
    cap = who[0].upper() + who[1:]
    food = [str(word) for word in rng.choice(_FOODS, size=4, replace=False)]
    kind = int(rng.integers(20))
    match kind:
        case 0:
            return f"{cap} {pick(_PAST)} {pick(_THINGS)}."
        case 1:
            return f"{cap} {pick(_PAST)} {pick(_THINGS)} {pick(_PLACES)} {pick(_TIMES)}."
        case 2:
            return f"{cap} {pick(_PAST)} {pick(_THINGS)} {pick(_TIMES)}, {pick(_REASONS)}."
        case 3:
            return f"{pick(_SUBJECTS)} is {pick(_ADJECTIVES)}."
        case 4:
            return f"{pick(_OPENERS)} {_lower_first(pick(_SUBJECTS))} is {pick(_ADJECTIVES)}, {pick(_REASONS)}."
        case 5:
            return f"Did you know that {who} {pick(_PAST)} {pick(_THINGS)}?"
        case 6:
            return f"Could you {pick(_VERBS)}, please?"
        case 7:
            return f"Where is {who}? I think we met {pick(_PLACES)}."
        case 8:
            return f"We need {food[0]}, {food[1]}, {food[2]}, and {food[3]}."
        case 9:
            return f"There were {pick(_NUMBERS)} {pick(_UNITS)} {pick(_PLACES)}, not {pick(_NUMBERS)}."
        case 10:
            return f"Can you {pick(_VERBS)}? {pick(_REPLIES)}"
        case 11:
            return f"{pick(_REPLIES)} {pick(_SUBJECTS)} is {pick(_ADJECTIVES)}."
        case 12:
            return f"Please {pick(_VERBS)}, and then {pick(_VERBS)}!"
        case 13:
            return f"What would you prefer: {pick(_ACTIVITIES)}, or {pick(_ACTIVITIES)}?"
        case 14:
            loved = f"{pick(_ACTIVITIES)} and {pick(_ACTIVITIES)}"
            return f"I have always loved {loved}, but {_lower_first(pick(_SUBJECTS))} was {pick(_ADJECTIVES)}."
        case 15:
            return f"{pick(_NAMES)}! {pick(_VERBS).capitalize()}, or {who} will do it."
        case 16:
            return f"Why is {_lower_first(pick(_SUBJECTS))} {pick(_ADJECTIVES)}?"
        case 17:
            return f"{pick(_TIMES).capitalize()}, {who} {pick(_PAST)} {pick(_THINGS)}, {pick(_THINGS)}, and {pick(_THINGS)}."
        case 18:
            return f"I said {food[0]}, not {food[1]}! And a bit more {food[2]}, if you have any."
        case _:
            return (
                f"{pick(_OPENERS)} {who} {pick(_PAST)} {pick(_THINGS)} {pick(_PLACES)}, and {pick(_NAMES)} {pick(_PAST)} {pick(_THINGS)}."
            )


def _lower_first(text: str) -> str:
    return text[0].lower() + text[1:]


COLLECTIONS: dict[str, tuple[tuple[str, ...], Callable[[np.random.Generator], str]]] = {
    "everyday": (HAND_WRITTEN, template_sentence),
    "rare_sounds": (HAND_WRITTEN_RARE, RARE_SOUNDS.sentence),
    "spanish": (HAND_WRITTEN_SPANISH, SPANISH.sentence),
    "italian": (HAND_WRITTEN_ITALIAN, ITALIAN.sentence),
}
"""Name of a collection -> its hand-written sentences and its grammar."""


def sentence_pool(seed: int, size: int, collection: str = "everyday") -> list[str]:
    """``size`` distinct sentences in a random order that only ``seed`` decides; the collection's hand-written ones are all among them."""
    if collection not in COLLECTIONS:
        raise ValueError(f"there is no collection {collection!r}: use one of {', '.join(COLLECTIONS)}")
    written, make = COLLECTIONS[collection]
    if size < len(written):
        raise ValueError(f"a pool of {collection!r} has at least its {len(written)} hand-written sentences, got size {size}")
    rng = np.random.default_rng(seed)
    pool = dict.fromkeys(written)
    while len(pool) < size:
        pool.setdefault(make(rng))
    sentences = list(pool)
    rng.shuffle(sentences)
    return sentences
