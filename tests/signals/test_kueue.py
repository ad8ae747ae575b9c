"""The quota of a ClusterQueue: whole units, a hold at zero, and nothing else of the queue."""

from pathlib import Path

import pytest

from mara.errors import DeviceError
from mara.signals.executors.kueue import KueueQuota, Quota
from mara.signals.imitations.kube_api import TOKEN, ImitatedCluster

GPUS = Quota(queue="inference", flavor="h100", resource="nvidia.com/gpu")


def executor(url: str, folder: Path, quota: Quota = GPUS, token: str = TOKEN) -> KueueQuota:
    (folder / "token").write_text(token, encoding="utf-8")
    return KueueQuota(url, quota, folder / "token", None, 0.001)


@pytest.mark.parametrize(
    ("limit_mw", "setting"),
    [(0.0205, "None 20"), (0.0, "Hold 60"), (0.0005, "Hold 60"), (1.0, "None 60"), (None, "None 60")],
)
def test_a_limit_is_whole_units_of_the_quota_and_zero_holds_the_queue(
    limit_mw: float | None, setting: str, tmp_path: Path
) -> None:
    cluster = ImitatedCluster()
    with cluster.serving() as url:
        quota = executor(url, tmp_path)
        found = quota.read()
        wanted = quota.state_for(limit_mw, found)
        quota.apply(tuple(pair for pair in wanted if pair not in found))
        assert (quota.read(), cluster.setting, cluster.outside) == (wanted, setting, [])


def test_a_queue_that_somebody_changed_at_the_same_moment_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = ImitatedCluster()
    with cluster.serving() as url:
        quota = executor(url, tmp_path)
        found = quota._found

        def overtaken() -> object:
            read = found()
            cluster.setting = "None 7"
            return read

        monkeypatch.setattr(quota, "_found", overtaken)
        with pytest.raises(DeviceError, match="somebody changed it at the same moment"):
            quota.apply((("quota", 20),))
    assert cluster.setting == "None 7"


@pytest.mark.parametrize(
    ("quota", "token", "said"),
    [
        (GPUS, "another token", "does not know the token"),
        (Quota(queue="training", flavor="h100", resource="nvidia.com/gpu"), TOKEN, "there is no such ClusterQueue"),
        (
            Quota(queue="inference", flavor="a100", resource="nvidia.com/gpu"),
            TOKEN,
            "has no nvidia.com/gpu of flavor a100",
        ),
    ],
)
def test_what_cannot_be_reached_is_told_with_what_to_do(quota: Quota, token: str, said: str, tmp_path: Path) -> None:
    with ImitatedCluster().serving() as url, pytest.raises(DeviceError, match=said) as refused:
        executor(url, tmp_path, quota, token).read()
    assert token not in str(refused.value)
