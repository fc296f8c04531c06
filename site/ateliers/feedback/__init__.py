"""Feedback: what those who came say of a workshop, by the programme's three indicators. Nobody can tell who said what.

No answer is a row. A session has one row of counts a way of answering, so that neither a key nor an order nor an hour
leads from a person to an answer; what was spent to answer once is in a table of its own, as a hash. See `feedback.counts`.
"""

from ateliers.feedback.counts import ANSWERS, MOST_WORDS, QUESTIONS, Answered, Enough, FeedbackTally, FeedbackToken
from ateliers.feedback.counts import answer as answer
from ateliers.feedback.counts import of_paper as of_paper
from ateliers.feedback.counts import set_paper as set_paper
from ateliers.feedback.refusing import FeedbackRefusal

__all__ = [
    "ANSWERS",
    "MOST_WORDS",
    "QUESTIONS",
    "Answered",
    "Enough",
    "FeedbackRefusal",
    "FeedbackTally",
    "FeedbackToken",
    "answer",
    "of_paper",
    "set_paper",
]
