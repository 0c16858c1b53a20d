"""What the page refuses, and how it says so: a reason for programs, a sentence for people.

The page itself has the sentences in its own languages (`static/texts.js`); these are for whoever
speaks to it without one.
"""

from typing import Literal

Reason = Literal[
    "empty",
    "gone",
    "malformed",
    "name_empty",
    "name_invisible",
    "name_long",
    "name_taken",
    "no_answer",
    "no_file",
    "no_link",
    "no_room",
    "not_yours",
    "room_empty",
    "room_taken",
]

_SENTENCES: dict[Reason, str] = {
    "empty": "The message is empty.",
    "gone": "That message is gone.",
    "malformed": "That can't be understood: {detail}",
    "name_empty": "Choose a name.",
    "name_invisible": "That name has invisible characters in it. Choose another.",
    "name_long": "Choose a name of at most {detail} characters.",
    "name_taken": "“{detail}” is taken. Choose another name.",
    "no_answer": "There is no answer to rate.",
    "no_file": "There is no such file.",
    "no_link": "Open the link that the bot printed.",
    "no_room": "There is no such room.",
    "not_yours": "You can only change your own messages.",
    "room_empty": "Choose a name for the room.",
    "room_taken": "There is a room “{detail}” already. Choose another name.",
}


class Refused(Exception):
    """Something that will not be done, however often it is asked. `str()` is the sentence."""

    def __init__(self, reason: Reason, detail: object = "") -> None:
        super().__init__(_SENTENCES[reason].format(detail=detail))
        self.reason: Reason = reason
        self.detail = str(detail)
