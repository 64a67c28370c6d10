-- What an import from an earlier system needs.

-- Which earlier system's client the user has used last, or was imported from: course, qq, polaris, cmf or sponge. NULL: none.
ALTER TABLE `User` ADD COLUMN dialect VARCHAR(16) NULL;

-- What an import has brought, so that the next one does not bring it again, nor takes for its own what is somebody else's.
-- kind: 1 a user, 2 a group, 3 a friendship, 4 a membership. id: of the user or the group, or of the two in one number. mark: a
-- hash of what the source has said of it; the same id with another mark is something else. Messages are known by their cids.
CREATE TABLE IF NOT EXISTS `Imported` (
    kind TINYINT NOT NULL,
    id   BIGINT NOT NULL,
    mark BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
