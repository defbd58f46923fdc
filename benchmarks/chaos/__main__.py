"""`python -m benchmarks.chaos`: bring disasters upon builds and print how many of each kind they survive."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from benchmarks.chaos.building import STAND_INS
from benchmarks.chaos.disasters import Disasters, Trial
from benchmarks.chaos.world import make_world


def main() -> None:
    """Run the trials; exit with 1 if one was not survived."""
    options = _options()
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="profilegen-chaos-", dir=options.folder) as folder:
        models = () if options.real else STAND_INS
        print(
            f"models: {'the default ones, real' if options.real else 'stand-ins'}; users: {options.users}", flush=True
        )
        world = make_world(Path(folder), users=options.users, models=models)
        for scene in world.scenes:
            stages = dict.fromkeys(stage for stage, _ in scene.events)
            print(f"{scene.name} build: {len(scene.events)} events in {len(stages)} stages", flush=True)
        trials = []
        disasters = Disasters(world, options.seed)
        for trial in disasters.kills(options.points) if options.kills else disasters.trials(options.points):
            trials.append(trial)
            if trial.wrong or options.verbose:
                result = "not tried" if trial.wrong is None else f"NOT SURVIVED: {trial.wrong}" if trial.wrong else "ok"
                print(f"{trial.kind}: {trial.where}: {result} [{trial.repeated}]", flush=True)
    print("\n".join(_table(trials)))
    print(f"{time.monotonic() - start:.0f} s")
    if options.results:
        options.results.write_text(json.dumps([vars(trial) for trial in trials], indent=1) + "\n")
    sys.exit(any(trial.wrong for trial in trials))


def _table(trials: list[Trial]) -> list[str]:
    by_kind: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        by_kind[trial.kind].append(trial)
    lines = [f"{'disaster':30} survived  tried  done again (median, most)"]
    for kind, of_kind in by_kind.items():
        tried = [trial for trial in of_kind if trial.wrong is not None]
        repeated = sorted(trial.repeated for trial in tried) or [0]
        again = f"{repeated[len(repeated) // 2]}, {repeated[-1]}"
        lines.append(f"{kind:30} {sum(not trial.wrong for trial in tried):8} {len(tried):6}  {again}")
    return lines


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--points", type=int, default=50, help="kills; other kinds are fewer [%(default)s]")
    parser.add_argument("--users", type=int, default=6, help="users of the sample [%(default)s]")
    parser.add_argument("--kills", action="store_true", help="nothing but kills")
    parser.add_argument("--real", action="store_true", help="with the default models instead of stand-ins")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn [%(default)s]")
    parser.add_argument("--folder", type=Path, help="where stores are made [the temporary directory]")
    parser.add_argument("--results", type=Path, help="JSON file of all trials")
    parser.add_argument("--verbose", action="store_true", help="print every trial")
    return parser.parse_args()


if __name__ == "__main__":
    main()
