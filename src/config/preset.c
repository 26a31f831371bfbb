#include "config/preset.h"

#include "sys/xalloc.h"
#include <string.h>

/* Regions that Amazon lists but has not opened (me-west-1, sa-west-1, us-south-1) have no store:
 * the default one serves them. */
#define S3(region) "https://prod-registry-k8s-io-" region ".s3.dualstack." region ".amazonaws.com"
#define STORE(region, url, serves)                                                                 \
    "  - {name: s3-" region ", url: \"" url "\", serves: [" serves "]}\n"

/* clang-format off */
/* In pieces, because a C string may be no longer than 4095 bytes. */
static const char *const pieces[] = {
    "upstream:\n"
    "  endpoint: https://us-central1-docker.pkg.dev\n"
    "  path: k8s-artifacts-prod/images\n"
    "  blobs_for: [gcp]\n"
    "stores:\n",
    STORE("af-south-1", S3("af-south-1"), "aws/af-south-1"),
    STORE("ap-east-1", S3("ap-east-1"),
          "aws/ap-east-1, aws/ap-east-2, aws/cn-north-1, aws/cn-northwest-1"),
    STORE("ap-northeast-1", S3("ap-northeast-1"), "aws/ap-northeast-1"),
    STORE("ap-northeast-2", S3("ap-northeast-2"), "aws/ap-northeast-2"),
    STORE("ap-northeast-3", S3("ap-northeast-3"), "aws/ap-northeast-3"),
    STORE("ap-south-1", S3("ap-south-1"), "aws/ap-south-1"),
    STORE("ap-south-2", S3("ap-south-2"), "aws/ap-south-2"),
    STORE("ap-southeast-1", S3("ap-southeast-1"), "aws/ap-southeast-1"),
    STORE("ap-southeast-2", S3("ap-southeast-2"), "aws/ap-southeast-2"),
    STORE("ap-southeast-3", S3("ap-southeast-3"), "aws/ap-southeast-3"),
    STORE("ap-southeast-4", S3("ap-southeast-4"), "aws/ap-southeast-4"),
    STORE("ap-southeast-5", S3("ap-southeast-5"), "aws/ap-southeast-5"),
    STORE("ap-southeast-6", S3("ap-southeast-6"), "aws/ap-southeast-6"),
    STORE("ap-southeast-7", S3("ap-southeast-7"), "aws/ap-southeast-7"),
    STORE("ca-central-1", S3("ca-central-1"), "aws/ca-central-1"),
    STORE("ca-west-1", S3("ca-west-1"), "aws/ca-west-1"),
    STORE("eu-central-1", S3("eu-central-1"), "aws/eu-central-1"),
    STORE("eu-central-2", S3("eu-central-2"), "aws/eu-central-2"),
    STORE("eu-north-1", S3("eu-north-1"), "aws/eu-north-1"),
    STORE("eu-south-1", S3("eu-south-1"), "aws/eu-south-1"),
    STORE("eu-south-2", S3("eu-south-2"), "aws/eu-south-2"),
    STORE("eu-west-1", S3("eu-west-1"), "aws/eu-west-1"),
    STORE("eu-west-2",
          "https://767373bbdcb8270361b96548387bf2a9ad0d48758c35-eu-west-2"
          ".s3.dualstack.eu-west-2.amazonaws.com",
          "aws/eu-west-2"),
    STORE("eu-west-3", S3("eu-west-3"), "aws/eu-west-3"),
    STORE("il-central-1", S3("il-central-1"), "aws/il-central-1"),
    STORE("me-central-1", S3("me-central-1"), "aws/me-central-1, aws/me-south-1"),
    STORE("mx-central-1", S3("mx-central-1"), "aws/mx-central-1"),
    STORE("sa-east-1", S3("sa-east-1"), "aws/sa-east-1"),
    STORE("us-east-1", S3("us-east-1"), "aws/us-east-1"),
    STORE("us-east-2", S3("us-east-2"), "aws/us-east-2"),
    STORE("us-west-1", S3("us-west-1"), "aws/us-west-1"),
    STORE("us-west-2", S3("us-west-2"), "aws/us-west-2"),
    "  - {name: cdn, url: \"https://d1be1w964nk82h.cloudfront.net\", serves: [default]}\n",
};
/* clang-format on */

char *preset_text(void)
{
    size_t len = 0;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
        len += strlen(pieces[i]);
    char *text = xalloc(len + 1), *end = text;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
        end = stpcpy(end, pieces[i]);
    return text;
}
