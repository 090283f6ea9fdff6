"""What a plugin's author is warned of, long before it stops working."""


class RenkeiDeprecationWarning(DeprecationWarning):
    """A plugin uses what a later minor of the spec will refuse. Said once, when it is loaded.

    The text names what, since when, from which minor on and on which date at the earliest it will be refused, and
    what to use instead. To make your tests fail on it: `-W error::renkei.spec.RenkeiDeprecationWarning`.
    """
