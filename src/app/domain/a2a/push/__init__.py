"""Push notifications: who is told of a task's changes, and the telling."""

from app.domain.a2a.push.configs import PushConfigs
from app.domain.a2a.push.signing import PushKeys
from app.domain.a2a.push.worker import PushWorker

__all__ = ["PushConfigs", "PushKeys", "PushWorker"]
