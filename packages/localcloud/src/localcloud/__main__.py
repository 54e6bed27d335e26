"""`python -m localcloud PATH/TO/cdk.out`: bring a CDK assembly up on this machine."""

import os
import signal
import sys

if __name__ == "__main__":
    if sys.version_info[:2] < (3, 11):  # noqa: UP036  an older Python gets this far, and no farther
        sys.exit("localcloud: Python 3.11 or newer is needed; this is " + sys.version.split()[0])
    for number in (signal.SIGINT, signal.SIGTERM):
        # Nothing runs yet that would have to be ended.
        signal.signal(number, lambda *_: os._exit(0))
    from localcloud.command import main

    main()
