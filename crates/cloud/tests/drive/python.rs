//! The fake is right: Google's own Python client, with the description of Drive that it brings, does with it what it does with
//! Drive. The tool is `target/tools`, which `.ci/run` makes of `.ci/requirements.txt`.

use std::path::Path;
use std::process::Command;

use lifeboat_engine::store::Straight;
use lifeboat_fake_drive::faults::{Act, Plan};
use lifeboat_fake_drive::world::{CLIENT, CLIENT_SECRET, REFRESH};

use crate::setting::{Setting, noise};

const SCRIPT: &str = r#"
import io, sys
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build, build_from_document
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaIoBaseDownload, MediaIoBaseUpload

url, client, secret, refresh, path = sys.argv[1:]
credentials = Credentials(None, refresh_token=refresh, token_uri=url + '/token', client_id=client, client_secret=secret,
                          scopes=['https://www.googleapis.com/auth/drive.file'])
drive = build('drive', 'v3', credentials=credentials, static_discovery=True, client_options={'api_endpoint': url + '/drive/v3/'})
# The addresses of uploads are made of the description's own rootUrl.
drive._rootDesc['rootUrl'] = url + '/'
drive = build_from_document(
    drive._rootDesc, credentials=credentials, client_options={'api_endpoint': url + '/drive/v3/'})
content = open(path, 'rb').read()
media = lambda size, **more: MediaIoBaseUpload(io.BytesIO(content[:size]), 'application/octet-stream', **more)

folder = drive.files().create(body={'name': 'Python', 'mimeType': 'application/vnd.google-apps.folder'}, fields='id').execute()['id']
ids = drive.files().generateIds(count=3).execute()['ids']
assert len(set(ids)) == 3

# In one request, with an id of its own; and that one again.
body = {'id': ids[0], 'name': 'small', 'parents': [folder]}
made = drive.files().create(body=body, media_body=media(1000), fields='id,size,md5Checksum').execute()
assert made['id'] == ids[0] and made['size'] == '1000', made
try:
    drive.files().create(body=body, media_body=media(1000)).execute()
    raise SystemExit('a second file of one id')
except HttpError as error:
    assert error.resp.status == 409, error

# Resumably, in parts, over a connection that is cut and a service that is busy.
upload = drive.files().create(body={'name': 'large', 'parents': [folder]}, media_body=media(None, chunksize=1 << 20, resumable=True),
                              fields='id,size,md5Checksum,sha256Checksum')
done, parts = None, 0
while done is None:
    try:
        _, done = upload.next_chunk()
    except HttpError as error:
        # As its documentation has it: the next call asks how far it is, and goes on.
        assert error.resp.status == 503, error
    parts += 1
assert done['size'] == str(len(content)) and parts >= 3, (done, parts)

# And back, in parts.
back = io.BytesIO()
download = MediaIoBaseDownload(back, drive.files().get_media(fileId=done['id']), chunksize=1 << 20)
finished = False
while not finished:
    _, finished = download.next_chunk(num_retries=5)
assert back.getvalue() == content

found, token = [], None
while True:
    page = drive.files().list(q=f"'{folder}' in parents and trashed = false", pageSize=1, pageToken=token, fields='nextPageToken,files(id,name)').execute()
    found += [file['name'] for file in page['files']]
    token = page.get('nextPageToken')
    if not token:
        break
assert sorted(found) == ['large', 'small'], found

about = drive.about().get(fields='user(emailAddress),storageQuota').execute()
assert about['user']['emailAddress'] == 'owner@example.com'
drive.files().update(fileId=ids[0], body={'trashed': True}).execute()
drive.files().delete(fileId=done['id']).execute()
try:
    drive.files().get(fileId=done['id']).execute()
    raise SystemExit('a file that was deleted')
except HttpError as error:
    assert error.resp.status == 404 and error.error_details[0]['reason'] == 'notFound', error.error_details

# What Lifeboat has put there is what this client reads.
file = drive.files().list(q="name = 'by-lifeboat'", fields='files(id)').execute()['files'][0]['id']
assert drive.files().get_media(fileId=file).execute() == content
print('as with Drive')
"#;

#[test]
fn googles_own_client_uploads_to_the_fake_resumably_and_downloads_from_it() {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/bin/python");
    let python = std::env::var_os("LIFEBOAT_PYTHON").map_or(python, Into::into);
    assert!(python.exists(), "{} is not there: see .ci/run", python.display());
    let setting = Setting::owner();
    let content = noise((3 << 20) + 12_345);
    setting.store().put("by-lifeboat", &content, &Straight).unwrap();
    let file = setting.folder.path().join("content");
    std::fs::write(&file, &content).unwrap();
    setting.fake.plan(Plan::new("PUT /upload", Act::refuse(503, "backendError")).after(1));
    setting.fake.plan(Plan::new("PUT /upload", Act::Persist { bytes: 300_000 }));
    let output = Command::new(python)
        .args(["-c", SCRIPT, &setting.fake.url(), CLIENT, CLIENT_SECRET, REFRESH])
        .arg(&file)
        .output()
        .unwrap();
    let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("as with Drive"), "{said}{told}");
    assert!(setting.fake.world().plans.is_empty(), "the faults have happened");
}
