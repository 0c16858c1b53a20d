"""Texts that come back with corrections: what a person hands over, and what is to change in it.

Six of the kinds that people bring to an assistant for that: a paragraph, a message, code, a list, a
quotation, a notice. The first was here before; the others were written before anybody knew how the
demo model answers them, and none was taken out for its answer.
"""

from engine.base import Message

SYSTEM = Message("system", "You repeat texts word for word.")

PARAGRAPH = """Repeat this paragraph with the mistakes corrected:

The old harbour lies on the north side of the town. Every morning the boats comes in with fish, \
and the people from the market waits for them on the stone steps. In winter the water freeze and \
the boats stay in the sheds behind the church. Then the men mends their nets and tell each other \
storys until the ice is gone and the first ship leave the harbour again."""

MESSAGE = """Correct the spelling of this message and give it back whole:

Dear neighbours, on Saterday we want to clean the yard together. Please bring gloves, a broom and \
a bag for the leafs. We begin at ten and will be finnished by noon, and afterwards there is soup \
and bread for everybody in the garden. If you cannot come, please tell us untill Friday, so that \
we know how much to cook. The children can paint the old fence; collors and brushes are there \
already. We are looking forward to seeing you, and hope for good wether."""

CODE = '''Rename the variable `x` to `total` in this code and change nothing else:

```python
def average_order(orders, currency):
    """The mean value of all orders in one currency."""
    x = 0.0
    count = 0
    for order in orders:
        if order.currency != currency:
            continue
        x += order.price * order.quantity
        count += 1
    if count == 0:
        raise ValueError("there is no order in this currency")
    return round(x / count, 2)
```'''

LIST = """Repeat this list, with "Tuesday" instead of "Thursday":

- Monday, 9:00: the new printer is delivered, Anna opens the door
- Thursday, 10:30: talk with the bank about the loan, bring the figures of the last year
- Wednesday, 14:00: fire drill in both buildings, everybody leaves by the stairs
- Friday, 8:15: the backup of the file server is checked, and one folder is restored
- Friday, 12:00: lunch with the team in the garden, Paul brings the salad
- Friday, 15:00: the week's review, with coffee"""

QUOTATION = """These are the minutes of our meeting:

The meeting was opened at nine by the chair. All members were present but two, who were ill. The \
minutes of the last meeting were accepted without a change.

The treasurer reported that the roof of the club house costs more than was planned, because the \
beams on the west side are rotten. She proposed to pay the first half from the reserve and to ask \
the town for the second. After a short discussion the members agreed, with one vote against it. \
The work begins in May and shall be done before the summer party.

Quote the second paragraph word for word."""

NOTICE = """Give me this notice again; the water is turned off from nine to twelve, not from \
eight to ten:

To all tenants of the houses 12 to 18. Because of work on the main pipe, the water is turned off \
on the third of June from eight to ten in the morning. Please fill a kettle and a bucket the \
evening before. Close all taps, and leave washing machines and dishwashers switched off. When the \
water is back, let it run for a minute until it is clear. We are sorry for the trouble. If you \
have questions, please call the caretaker between seven and eight in the morning."""

TASKS = {
    "paragraph": PARAGRAPH,
    "message": MESSAGE,
    "code": CODE,
    "list": LIST,
    "quotation": QUOTATION,
    "notice": NOTICE,
}
"""What a person writes, by the kind of text."""
