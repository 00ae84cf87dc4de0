"""What anybody must know who uses an answer, in one place: the page, the cards and the documents repeat it."""

GUESSES = (
    "Answers are guesses of a program about how a voice sounds, not facts about a person. "
    "Not for decisions about people."
)
#: What scores on acted speech prove, and what they do not.
ACTED = (
    "Scores on acted speech show how well a model tells apart what actors were asked to play, in their language and "
    "their room. They do not show that it hears what people feel: spontaneous emotions are weaker and mixed, many are "
    "not in the voice at all, and scores on them are lower."
)
#: Regulation (EU) 2024/1689, Article 5(1)(f).
LAW = (
    "Law restricts inferring emotions of people in some places: the EU forbids it at work and in education, but for "
    "medical or safety reasons (EU AI Act, Article 5(1)(f)). This is no legal advice."
)
CAUTIONS = (GUESSES, ACTED, LAW)
