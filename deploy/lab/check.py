"""Expectations with a deadline: a lab never sleeps and hopes, it asks until the answer is right."""
import time

PATIENCE_S = 20  # where no promise is meant: what takes a moment takes long on a machine that does other work


class Failed(Exception):
    """Something that should hold does not; the text says what was seen."""


def poll(what, question, seconds=PATIENCE_S, every=0.05):
    """Ask until the answer is true and return it. A question that fails is asked again."""
    end = time.monotonic() + seconds
    problem = None
    while True:
        try:
            answer = question()
            if answer:
                return answer
            problem = None
        except (OSError, ValueError, KeyError, RuntimeError, Failed) as error:
            problem = error
        if time.monotonic() >= end:
            raise Failed(f"{what}: not within {seconds:g} s" + (f" ({problem})" if problem else ""))
        time.sleep(every)


def expect(what, wanted, look, seconds=PATIENCE_S):
    """Look until what is seen equals what is wanted; says both otherwise."""
    seen = None

    def matches():
        nonlocal seen
        seen = look()
        return seen == wanted

    try:
        poll(what, matches, seconds)
    except Failed as failure:
        raise Failed(f"{failure}\n         wanted {wanted}\n         seen   {seen}") from None
    return wanted


def hold(what, question, seconds, every=0.1):
    """The answer must stay true for this long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not question():
            raise Failed(f"{what}: did not hold for {seconds:g} s")
        time.sleep(every)


class Stopwatch:
    def __init__(self):
        self.start = time.monotonic()

    @property
    def ms(self):
        return (time.monotonic() - self.start) * 1000
