"""Names of settings of the whole installation, which use cases and daemons tell each other things by."""

#: Holds the reason while no new mail is taken, else nothing.
PAUSED = "paused"
#: Tells daemons since when they are to give back what they have not begun.
RECALLED = "queue_recalled"
