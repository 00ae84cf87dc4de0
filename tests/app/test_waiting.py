"""The queue: in the order of coming, and whoever leaves is waited for no longer."""

import threading

from vibespeaker.app.waiting import Queue


def test_places_come_first_in_the_order_in_which_they_were_taken():
    queue, served = Queue(), []
    with queue.place() as first:
        others = []

        def visit(name):
            with queue.place() as place:
                came[name].set()
                while not place.is_first(10):
                    pass
                served.append(name)

        came = {name: threading.Event() for name in "abc"}
        for name in came:
            others.append(threading.Thread(target=visit, args=(name,), daemon=True))
            others[-1].start()
            assert came[name].wait(10)
        assert first.is_first(0)
        assert not served
    for one in others:
        one.join(10)
    assert served == ["a", "b", "c"]


def test_who_leaves_before_the_turn_is_waited_for_no_longer():
    queue = Queue()
    with queue.place():
        with queue.place() as second, queue.place() as third:
            assert (second.ahead, third.ahead) == (1, 2)
            assert not third.is_first(0)
        with queue.place() as last:
            assert last.ahead == 1
    with queue.place() as alone:
        assert alone.is_first(0)
