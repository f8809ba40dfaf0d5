"""A thread that runs coroutines, and a descriptor that tells when one has ended."""

import asyncio
import concurrent.futures
import contextlib
import queue
import threading
from collections.abc import Coroutine
from typing import Any, Final, Generic, TypeVar

from lighthouse.process.wakeup import Wakeup

T = TypeVar("T")

_PATIENCE: Final = 5.0


class Background(Generic[T]):
    """Runs what it is given side by side; results are fetched by the thread that waits."""

    def __init__(self) -> None:
        self._wakeup: Final = Wakeup()
        self._loop: Final = asyncio.new_event_loop()
        self._over: Final = asyncio.Event()
        self._lock: Final = threading.Lock()
        self._closed = False
        self._ended: Final[queue.SimpleQueue[concurrent.futures.Future[T]]] = queue.SimpleQueue()
        self._thread: Final = threading.Thread(target=self._run, name="dns", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Return True while something can be run: the thread was started and has not ended."""
        return self._thread.is_alive()

    def fileno(self) -> int:
        """Readable while there is something that ``next`` has not given back."""
        return self._wakeup.fileno()

    def run(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Begin; the future may be cancelled, and is given back by ``next`` when it ends."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        future.add_done_callback(self._end)
        return future

    def next(self) -> concurrent.futures.Future[T] | None:
        """What has ended, one at a time, in order; None if that is all."""
        with contextlib.suppress(queue.Empty):
            return self._ended.get_nowait()
        self._wakeup.clear()
        with contextlib.suppress(queue.Empty):  # may have come just before that
            return self._ended.get_nowait()
        return None

    def close(self) -> None:
        """Let go of everything that is under way."""
        with contextlib.suppress(RuntimeError):  # the thread has ended, and its loop with it
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(_PATIENCE)
        with self._lock:
            self._closed = True
            self._wakeup.close()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._wait())

    async def _wait(self) -> None:
        await self._over.wait()

    def _end(self, future: concurrent.futures.Future[T]) -> None:
        """Called by whatever thread ends it."""
        self._ended.put(future)
        with self._lock:
            if not self._closed:
                self._wakeup.set()
