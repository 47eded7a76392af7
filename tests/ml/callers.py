"""Threads that call an endpoint all the time and keep what went wrong."""

import threading

import tiny_model

from ml import observation


class Callers:
    """Sends smoke requests to wherever the traffic goes, until left; ``failures`` are all answers that weren't right."""

    def __init__(self, door, endpoint, threads=2):
        to = observation.target(door, endpoint, "")
        self._url = to.url
        self._headers = {"Authorization": to.headers["Authorization"]}
        self._door = door
        self._stop = threading.Event()
        self.failures, self.answers = [], 0
        self._threads = [threading.Thread(target=self._call) for _ in range(threads)]

    def _call(self):
        with self._door.caller(self._url) as post:
            while not self._stop.wait(0.05):
                status, text = post(tiny_model.SMOKE["request"], self._headers)
                self.answers += 1
                if observation.failure(status, text, tiny_model.SMOKE["answer"]):
                    self.failures.append((status, text))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()
