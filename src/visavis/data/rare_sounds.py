"""A second collection of sentences, in which the sounds that are rare in everyday English (SH ZH TH CH JH OY UH Y NG G HH) come often."""

from visavis.data.grammar import Grammar

_WHO = (
    "The judge", "A fisherman", "George", "Charlotte", "The shepherd", "A jolly chef", "The young sheriff", "My chubby cousin", "Joyce",
    "The English teacher", "A good cook", "The coach",
    "The huge horse", "A gigantic giant", "The hungry dog", "The king", "A rich merchant", "The cautious pilot", "Jane",
    "The third cyclist", "Somebody healthy", "The television crew", "A Chinese painter",
)  # fmt: skip
_DID = (
    "should catch", "joined", "usually enjoys", "would push", "chose", "measured", "wished for", "is changing", "put away", "destroyed",
    "shook", "watched", "was searching for", "took", "pulled",
    "thanked us for", "is bringing", "could not hear", "avoided", "gathered", "washed", "has finished", "imagined", "understood",
    "was singing about", "is thinking about",
)  # fmt: skip
_WHAT = (
    "the cheese", "a fresh sandwich", "the treasure", "fish and chips", "a beige jacket", "thirty toys", "both brushes",
    "the orange juice", "a good cookbook", "the gigantic engine", "leather shoes",
    "the whole collection", "a bush with thorns", "the usual version", "three things", "a large sponge", "the television",
    "the oyster soup", "sugar and ginger", "the huge garage", "a bunch of coins",
    "his moustache", "the yellow yacht", "a wooden foot", "the ancient bridge", "this decision", "the noise of the boiler",
    "a thousand feathers", "hot chocolate", "a unique vision",
)  # fmt: skip
_WHERE = (
    "at the beach", "in the kitchen", "on the bench", "with both hands", "in the bathroom", "for pleasure", "in the bushes",
    "under the bridge", "during the lecture", "without a doubt",
    "on the fourth of the month", "in the south of Asia", "behind the church", "every Thursday morning", "through the thick hedge",
    "near the garage", "in public", "from beneath the boat",
)  # fmt: skip
_SAID = (
    "Hush!", "Gosh, such a shame.", "Enjoy your lunch!", "Thanks, that is enough.", "Which one should I choose?", "You look huge!",
    "Oh boy, what a voyage.", "Good, very good.", "Hang on, Joyce.",
    "Who would do such a thing?", "It is a pleasure, as usual.", "I think so, too.", "What a strange occasion.",
    "Jump in, the water is gorgeous!", "Could you, should you, would you?", "Cheers!",
)  # fmt: skip

HAND_WRITTEN_RARE: tuple[str, ...] = (
    "She sells such shiny shells by the shore, I am sure.",
    "The usual measure of pleasure is treasure.",
    "Casual television is a good occasion for a decision.",
    "The beige garage was an illusion, an unusual vision.",
    "These brothers bathe with their mother and father.",
    "This, that, these, those: they are there, though.",
    "Three thousand thirsty thinkers thanked the author.",
    "Both of the youths went south with a toothbrush.",
    "Cherries, cheese, chicken, and cheap chocolate chips.",
    "Charlie chose the chair in the church for the children.",
    "George and Jane enjoy orange juice and ginger jam.",
    "The judge imagined a huge genius on the stage.",
    "The boy's toy made an annoying noise, so we joined his voice.",
    "Oil the coil, boil the soil, avoid the spoiled oysters.",
    "A good cook could put sugar in a wooden bush.",
    "He took a good look at the book, and shook his foot.",
    "Would you pull the bull, or push the bush?",
    "Young George yelled, yes, you used your yellow yacht yesterday.",
    "Who has heard how heavy his huge horse is?",
    "The hungry king is singing along, ringing a long string of things.",
    "Go and get the big green bag for the grey dog again.",
    "Fresh fish, fish fresh, should I wish for a brush?",
    "Shall we share the shade, or should we shift the show?",
    "Watch each bench, catch each inch, stretch and reach.",
    "In the thick of it, nothing is worth a thing without truth and health.",
    "The machine has a special function; the musician wishes to mention it.",
    "The sheriff shouted, and the ocean washed ashore a mission of patience.",
    "The weather in the north is rather smooth, and further south it is worse.",
)


RARE_SOUNDS = Grammar(
    patterns=(
        "{who} {did} {what} {where}.",
        "{said} {who} {did} {what}.",
        "{who} {did} {what}, {what}, and {what}!",
        "Which do you choose: {what}, or {what}?",
        "{who} {did} {what}, though {what} would be just as good. {said}",
        "Should {what} be {where}? {said}",
    ),
    banks={
        "who": _WHO,
        "did": _DID,
        "what": _WHAT,
        "where": _WHERE,
        "said": _SAID,
    },
)
