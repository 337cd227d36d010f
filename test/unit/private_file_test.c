/* SPDX-License-Identifier: Apache-2.0 */

/* Which files of an app's own folder are not for visitors. */
#include "test.h"

#include "private_file.h"

TEST(private_files_are_known_by_their_names)
{
    static const struct {
        const char *path;
        psg_file_privacy_e privacy;
    } cases[] = {
        {"index.html", PSG_FILE_PUBLIC},
        {"images/logo.png", PSG_FILE_PUBLIC},
        {"static/site.js", PSG_FILE_PUBLIC},
        {"public/js/app.mjs", PSG_FILE_PUBLIC},
        {".well-known/acme-challenge/x", PSG_FILE_PUBLIC},
        {"site.css", PSG_FILE_PUBLIC},
        {"app.js", PSG_FILE_SCRIPT},
        {"lib/routes.TS", PSG_FILE_SCRIPT},
        {".env", PSG_FILE_PRIVATE},
        {"config/.secrets", PSG_FILE_PRIVATE},
        {".git/config", PSG_FILE_PRIVATE},
        {".well-known/.env", PSG_FILE_PRIVATE},
        {".well-knownx", PSG_FILE_PRIVATE},
        {"node_modules/x/readme.html", PSG_FILE_PRIVATE},
        {"public/node_modules/x.css", PSG_FILE_PRIVATE},
        {"NODE_MODULES/x.css", PSG_FILE_PRIVATE},
        {"venv/lib/x.txt", PSG_FILE_PRIVATE},
        {"passenger_wsgi.py", PSG_FILE_PRIVATE},
        {"config.ru", PSG_FILE_PRIVATE},
        {"app/models/user.rb", PSG_FILE_PRIVATE},
        {"static/settings.py", PSG_FILE_PRIVATE},
        {"Gemfile.lock", PSG_FILE_PRIVATE},
        {"bun.lockb", PSG_FILE_PRIVATE},
        {"uv.lock", PSG_FILE_PRIVATE},
        {"env/lib/x.txt", PSG_FILE_PRIVATE},
        {"environment/x.txt", PSG_FILE_PUBLIC},
        {"dump.sql.gz", PSG_FILE_PRIVATE},
        {"files/archive.gz", PSG_FILE_PUBLIC},
        {"id_rsa", PSG_FILE_PRIVATE},
        {"src/page.tsx", PSG_FILE_SCRIPT},
        {"package.json", PSG_FILE_PRIVATE},
        {"data/package.json", PSG_FILE_PRIVATE},
        {"config/database.yml", PSG_FILE_PRIVATE},
        {"db/production.sqlite3", PSG_FILE_PRIVATE},
        {"tmp/restart.txt", PSG_FILE_PRIVATE},
        {"settings.py~", PSG_FILE_PRIVATE},
        {"", PSG_FILE_PUBLIC},
        {"/", PSG_FILE_PUBLIC},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (psg_file_privacy(cases[i].path) != cases[i].privacy) {
            FAIL("'%s' is %d, not %d", cases[i].path,
                 psg_file_privacy(cases[i].path), cases[i].privacy);
        }
    }
}
