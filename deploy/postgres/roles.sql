-- Three roles with the least rights for ridesink, in a schema of its own. Run it once, as a superuser, in the database that the sink is to use:
--     psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -f deploy/postgres/roles.sql
-- Then give each a password (\password ridesink), run `sink migrate up` as ridesink_owner, and grants.sql as ridesink_owner.
-- The database should hold nothing else: what everybody may do by default is taken away below.

CREATE ROLE ridesink_owner LOGIN;    -- owns the tables: sink migrate
CREATE ROLE ridesink LOGIN;          -- sink run, backfill, status, verify, peek: stores and reads, changes and deletes nothing that is stored
CREATE ROLE ridesink_operator LOGIN; -- a human: also sink reset and sink deadletters

CREATE SCHEMA ridesink AUTHORIZATION ridesink_owner;
GRANT USAGE ON SCHEMA ridesink TO ridesink, ridesink_operator;
ALTER ROLE ridesink_owner SET search_path = ridesink;
ALTER ROLE ridesink SET search_path = ridesink;
ALTER ROLE ridesink_operator SET search_path = ridesink;

-- By default everybody may connect, make temporary tables and, before PostgreSQL 15, tables in public.
DO $$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO ridesink_owner, ridesink, ridesink_operator', current_database());
END
$$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
