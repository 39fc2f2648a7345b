"""Static files with hashed names, out of installed packages."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Hash and compress; leave references to source maps alone.

    Packaged stylesheets and scripts name source maps that are of no use to a browser; following
    them would make ``collectstatic`` demand files which nobody ships.
    """

    support_js_module_import_aggregation = False
    patterns = (
        (
            "*.css",
            (
                r"""(?P<matched>url\(['"]{0,1}\s*(?P<url>.*?)["']{0,1}\))""",
                (
                    r"""(?P<matched>@import\s*["']\s*(?P<url>.*?)["'])""",
                    """@import url("%(url)s")""",
                ),
            ),
        ),
    )
