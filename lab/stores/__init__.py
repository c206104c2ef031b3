"""The stores of captures: S3, Azure Blob Storage and SFTP, on loopback addresses."""

from lab.stores.azure import AZURE, AzureEndpoint, azure_endpoint
from lab.stores.s3 import S3, S3Endpoint, s3_endpoint
from lab.stores.sftp import SFTP, SftpEndpoint, sftp_endpoint

__all__ = [
    "AZURE",
    "S3",
    "SFTP",
    "AzureEndpoint",
    "S3Endpoint",
    "SftpEndpoint",
    "azure_endpoint",
    "s3_endpoint",
    "sftp_endpoint",
]
