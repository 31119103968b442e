"""Which backend takes a request, who waits, and what is refused: pure decisions over values.

Nothing here knows HTTP, reads a clock or acts. Times are seconds of the clock that `now` is read from; where
the time of day is meant, it is called `wall`.
"""
