"""Every table there is: importing this module fills the metadata that migrations are compared with."""

from app.domain.a2a import models as a2a_models  # noqa: F401
from app.domain.accounts import models as accounts_models  # noqa: F401
from app.domain.agents import models as agents_models  # noqa: F401
from app.domain.agents.tools import models as tools_models  # noqa: F401
from app.domain.quotas import models as quotas_models  # noqa: F401
from app.domain.runs import models as runs_models  # noqa: F401
from app.domain.secrets import models as secrets_models  # noqa: F401
from app.domain.sessions import models as sessions_models  # noqa: F401
from app.domain.todos import models as todos_models  # noqa: F401
from app.lib.runlog import tables as runlog_tables  # noqa: F401
