"""`loadtest calibrate`: how far figures of this machine can be trusted, by truths that are known beforehand.

    truths    how much is done, and what is true of every call
    design    the runs: scenarios, profiles, scripts
    sealed    truth that is drawn at random and put away until the numbers have been printed
    truth     what the simulator says that was so, put beside the rows of the tables
    fit       slope, offset, jitter; two identical arms; the least difference between arms that is told apart
    found     injected gaps and 1011s: found, missed, invented
    floor     the path alone, by an echo
    capacity  how many calls at the same time are held
    result    what is kept as calibration.json, and how it is put together; page: the same for people
    job       the phases, one after the other

All runs are ordinary ones, measured in the ordinary way.
"""
