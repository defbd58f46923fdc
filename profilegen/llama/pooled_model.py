"""What embedders, writers and verifiers of GGUF files have in common: child processes that start when needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from profilegen.llama.worker import WorkerPool

if TYPE_CHECKING:
    from profilegen.llama.catalog import ResolvedModel


class PooledModel:
    """A GGUF model in child processes of one thread each, which are started when they are first needed.

    :param model: the file and how to use it.
    :param engine: class of the engine that runs in a child, as `module:Class`.
    :param workers: number of child processes, at most.
    :param backlog: number of jobs that a child holds at a time.
    :param config: keyword arguments of the engine besides `path`.
    """

    def __init__(self, model: ResolvedModel, engine: str, *, workers: int, backlog: int, **config: Any) -> None:
        self.model = model
        self.name, self.fingerprint, self.source = model.name, model.sha256, model.source
        self._engine, self._workers, self._backlog = engine, workers, backlog
        self._config = {"path": str(model.path), **config}
        self._open_pool: WorkerPool[Any] | None = None

    def close(self) -> None:
        """End the children."""
        if self._open_pool:
            self._open_pool.close()

    def _pool(self, **config: Any) -> WorkerPool[Any]:
        """Return the children; at first, one is started, with further arguments for the engine."""
        if self._open_pool is None:
            config = self._config | config
            self._open_pool = WorkerPool(self._engine, config, workers=self._workers, backlog=self._backlog, wait=False)
        return self._open_pool
